// The page of /api/docs: Swagger UI from our own assets. Nothing is asked of another machine.
import SwaggerUI from "swagger-ui-dist/swagger-ui-es-bundle.js";
import "swagger-ui-dist/swagger-ui.css";

SwaggerUI({
  dom_id: "#docs",
  // Beside this page, wherever that is.
  url: "openapi.json",
  deepLinking: true,
  // It would send the document's address to a service that checks it.
  validatorUrl: null,
});

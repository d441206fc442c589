/**
 * Which file may import which. From bottom to top: api, ui, people, spec, results, the other features,
 * shell, router; an arrow never points up, and no file imports in a circle, not even for a type.
 */

/** What each folder of src may import besides itself. */
const MAY_IMPORT = {
  api: [],
  ui: ["api"],
  // Who looks at the page, and what they may.
  people: ["api", "ui"],
  // A spec as a form: what launch, theory and the recipe of an experiment share.
  spec: ["api", "ui"],
  // The runs and the basket, which the queue, the history and the settings show too.
  results: ["api", "ui", "people", "spec"],
  launch: ["api", "ui", "people", "spec"],
  theory: ["api", "ui", "people", "spec"],
  queue: ["api", "ui", "people", "results"],
  history: ["api", "ui", "people", "results"],
  settings: ["api", "ui", "people", "results"],
  shell: ["api", "ui", "people", "results"],
};

const folders = Object.entries(MAY_IMPORT).map(([folder, others]) => ({
  name: `${folder}-imports-${others.length > 0 ? `only-${others.join("-")}` : "nothing"}`,
  severity: "error",
  from: { path: `^src/${folder}/` },
  to: { path: "^src/", pathNot: `^src/(${[folder, ...others].join("|")})/` },
}));

/** @type {import("dependency-cruiser").IConfiguration} */
export default {
  forbidden: [
    { name: "no-circle", severity: "error", from: {}, to: { circular: true } },
    ...folders,
    {
      name: "every-folder-has-a-rule",
      severity: "error",
      from: { path: "^src/", pathNot: `^src/((${Object.keys(MAY_IMPORT).join("|")})/|[^/]+$)` },
      to: {},
    },
    {
      name: "only-the-router-imports-pages",
      severity: "error",
      from: { pathNot: "^src/router\\.tsx$" },
      to: { path: "^src/.*Page\\.tsx$" },
    },
    {
      name: "only-main-imports-the-router",
      severity: "error",
      from: { pathNot: "^src/main\\.tsx$" },
      to: { path: "^src/router\\.tsx$" },
    },
    { name: "what-is-imported-is-there", severity: "error", from: {}, to: { couldNotResolve: true } },
  ],
  options: {
    doNotFollow: { path: "node_modules" },
    tsConfig: { fileName: "tsconfig.json" },
    // Imports of types alone count too.
    tsPreCompilationDeps: true,
    enhancedResolveOptions: { exportsFields: ["exports"], conditionNames: ["import", "types"] },
  },
};

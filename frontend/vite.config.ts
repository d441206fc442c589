/// <reference types="vitest/config" />
import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

// What the pages share is one script with them, not one more for each set of pages that share it: a
// page opens with few requests. plotly is apart.
const pages = { name: "pages", tags: ["$initial" as const], entriesAware: true };

export default defineConfig({
  plugins: [react()],
  // Parts find each other wherever the server is published; it writes its path into the pages.
  base: "./",
  build: {
    outDir: "../backend/page",
    emptyOutDir: true,
    // Fonts are files: the page's security policy takes none from a script or a style sheet.
    assetsInlineLimit: (file) => (/\.(woff2?|ttf)$/.test(file) ? false : undefined),
    chunkSizeWarningLimit: 1800,
    // Every browser that runs the rest knows it; it would be a file more.
    modulePreload: { polyfill: false },
    rolldownOptions: {
      input: ["index.html", "docs.html"],
      output: { codeSplitting: { groups: [pages] } },
    },
  },
  server: { proxy: { "/api": "http://127.0.0.1:8111" } },
  test: { environment: "jsdom", setupFiles: "vitest.setup.ts" },
});

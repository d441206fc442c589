/// <reference types="vitest/config" />
import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

// What the pages share is one script with them, not one more for each set of pages that share it: a
// page opens with few requests. plotly is apart.
const pages = { name: "pages", tags: ["$initial" as const] };

// The API's description is built by itself: with it, what both need of the bundler would be a file
// and a request more.
export default defineConfig(({ mode }) => ({
  plugins: [react()],
  // Parts find each other wherever the server is published; it writes its path into the pages.
  base: "./",
  build: {
    outDir: "../backend/page",
    emptyOutDir: mode !== "docs",
    // Fonts are files: the page's security policy takes none from a script or a style sheet.
    assetsInlineLimit: (file) => (/\.(woff2?|ttf)$/.test(file) ? false : undefined),
    chunkSizeWarningLimit: 1800,
    // Every browser that runs the rest knows it; it would be a file more.
    modulePreload: { polyfill: false },
    rolldownOptions: {
      input: mode === "docs" ? "docs.html" : "index.html",
      output: { codeSplitting: { groups: [pages] } },
    },
  },
  server: { proxy: { "/api": "http://127.0.0.1:8111" } },
  test: { environment: "jsdom", setupFiles: "vitest.setup.ts" },
}));

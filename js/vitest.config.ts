import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { defineConfig, type Plugin } from "vitest/config";

// As esbuild does in build.mjs: a .css import is its text. The resolved id must not end in ".css",
// or vite's own style-sheet handling would take it over.
const cssAsText: Plugin = {
  name: "css-as-text",
  enforce: "pre",
  resolveId(source, importer) {
    if (source.endsWith(".css") && importer) return `\0text:${resolve(importer, "..", source)}:text`;
  },
  load(id) {
    const match = /^\0text:(.*):text$/.exec(id);
    if (match) return `export default ${JSON.stringify(readFileSync(match[1], "utf8"))};`;
  },
};

export default defineConfig({
  plugins: [cssAsText],
  test: { environment: "happy-dom", include: ["tests/**/*.test.{ts,tsx}"] },
});

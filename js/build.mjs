// One self-contained ESM per view: anywidget loads it from a blob: URL, where a relative import of a
// shared chunk cannot be resolved. So no code splitting.
import { readdirSync, statSync } from "node:fs";
import { build, context } from "esbuild";

const BUDGET = 150_000; // bytes, minified: the bundle is copied into the saved state of every widget

const entryPoints = readdirSync("src/views")
  .filter((name) => name.endsWith(".ts"))
  .map((name) => `src/views/${name}`);

const options = {
  entryPoints,
  outdir: "../nbviz/static",
  bundle: true,
  format: "esm",
  target: "es2022",
  minify: true,
  charset: "utf8",
  legalComments: "none",
  jsx: "automatic",
  jsxImportSource: "preact",
  loader: { ".css": "text" },
  define: { "process.env.NODE_ENV": '"production"' },
  logLevel: "info",
};

if (process.argv.includes("--watch")) {
  await (await context(options)).watch();
} else {
  await build(options);
  for (const entry of entryPoints) {
    const file = entry.replace("src/views", "../nbviz/static").replace(/\.ts$/, ".js");
    const { size } = statSync(file);
    if (size > BUDGET) {
      console.error(`${file}: ${size} bytes, over the budget of ${BUDGET}`);
      process.exitCode = 1;
    }
  }
}

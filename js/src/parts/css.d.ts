// esbuild's loader { ".css": "text" } (and the plugin in vitest.config.ts) import a style sheet as a string.
declare module "*.css" {
  const text: string;
  export default text;
}

/** `import text from "….css" with { type: "text" }`. */
declare module "*.css" {
  const text: string;
  export default text;
}

/** `import text from "….svg" with { type: "text" }`. */
declare module "*.svg" {
  const text: string;
  export default text;
}

/** JSON pointer as a URI fragment, such as `#/address/city`: https://www.rfc-editor.org/rfc/rfc6901#section-6 */
export function pointer(path: readonly PropertyKey[]): string {
  const token = (part: PropertyKey) =>
    encodeURIComponent(String(part).toWellFormed().replaceAll("~", "~0").replaceAll("/", "~1"));
  return `#${path.map((part) => `/${token(part)}`).join("")}`;
}

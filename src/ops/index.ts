export { type Assets, bundleScript, loadAssets, type PrebuiltAssets } from "./assets.ts";
export { autohealPageRoutes } from "./autoheal-routes.ts";
export { type DocumentInput, renderDocument } from "./document.ts";
export type { OpsOutbox, OpsSnapshot } from "./page.ts";
export { opsRoutes, PAGE_HEADERS } from "./routes.ts";

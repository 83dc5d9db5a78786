export { type Assets, bundleScript, loadAssets, type PrebuiltAssets } from "./assets.ts";
export type { OpsSnapshot } from "./page.ts";
export { opsRoutes } from "./routes.ts";

export { type Assets, bundleScript, loadAssets, type PrebuiltAssets } from "./assets.ts";
export type { OpsOutbox, OpsSnapshot } from "./page.ts";
export { opsRoutes } from "./routes.ts";

export { type ModelServer, type ServeModelsOptions, serveModels } from "./serve-models.ts";

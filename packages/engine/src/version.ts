import description from "../package.json" with { type: "json" };

/** What the engine calls itself towards controllers. */
export const engineVersion: string = description.version;

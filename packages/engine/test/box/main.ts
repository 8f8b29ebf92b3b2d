/** What runs in a box of its own, one after another: it takes longer to start than what it is started for. */
await import("./inventory-box.ts");
await import("./limits-box.ts");
await import("./devices-box.ts");
await import("./functions-box.ts");
await import("./switch-box.ts");
await import("./ports-box.ts");
process.exit(0);

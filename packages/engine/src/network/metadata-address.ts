/** Where every app finds what the node tells it, as in the clouds. */
export const metadataAddress = "169.254.169.254";
/** Where the service really listens, on the bridges' own addresses; packets are turned to it there. */
export const metadataPort = 8775;

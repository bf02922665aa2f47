// Where the drawing of a call has its lanes.

/** Heights from top to bottom (px). */
export const LANE = { axis: 24, marks: 26, speech: 78, words: 16, gap: 7, tool: 20, foot: 6 };
/** What is left free at both ends (px). */
export const EDGE = 8;

import "no-such-module-anywhere";

export const f = (value) => value;

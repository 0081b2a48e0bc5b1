import fs from "node:fs";

function deeper() {
  return fs.readFileSync("/nowhere/model.bin");
}

export const model = deeper();
export const f = (value) => value;

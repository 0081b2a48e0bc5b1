export const g = { not: "callable" };
export function h(value) {
  return value;
}

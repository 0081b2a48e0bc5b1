export function f(value) {
  return value +;
}

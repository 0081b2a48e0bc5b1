package main

import "testing"

func TestWholeNumbersOfJSON(t *testing.T) {
	for text, want := range map[string]int{
		"0": 0, "-0": 0, "12": 12, "-3": -3, "1.0": 1, "-2.00": -2, "1e3": 1000, "10e-1": 1, "1E+2": 100,
		"9007199254740993": 9007199254740993, "9007199254740992.0": 9007199254740992,
	} {
		if got, ok := integral(text); !ok || got != want {
			t.Errorf("%s is %d, %v; want %d", text, got, ok, want)
		}
	}
	for _, text := range []string{"1.5", "1e-1", `"1"`, "true", "[]", "{}", "1e400", "1e20", "9223372036854775808"} {
		if got, ok := integral(text); ok {
			t.Errorf("%s is taken for %d", text, got)
		}
	}
}

package main

import "testing"

func TestSize(t *testing.T) {
	for text, want := range map[string]int64{
		"1": 1, "512M": 512 << 20, "6g": 6 << 30, "1.5G": 3 << 29, "2KiB": 2048, "2KB": 2048, "1T": 1 << 40, "100B": 100,
	} {
		var s size
		if err := s.Set(text); err != nil || s.bytes != want || s.String() != text {
			t.Errorf("%q: %d, %v; want %d", text, s.bytes, err, want)
		}
	}
	for _, text := range []string{"", "0", "-1", "M", "1X", "1e9", "0x10", "inf", "NaN", "1.5.5", "9999999999T", " 1G", "0.1"} {
		var s size
		if err := s.Set(text); err == nil || s.bytes != 0 {
			t.Errorf("%q is taken as %d", text, s.bytes)
		}
	}
}

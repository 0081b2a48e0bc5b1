package main

import (
	"testing"

	"github.com/ganger-dev/ganger/cmd/ganger/internal/machine"
)

func TestSize(t *testing.T) {
	for text, want := range map[string]int64{
		"1": 1, "512M": 512 << 20, "6g": 6 << 30, "1.5G": 3 << 29, "2KiB": 2048, "2KB": 2048, "1T": 1 << 40, "100B": 100,
	} {
		var s size
		if err := s.Set(text); err != nil || s.bytes != want || s.String() != text {
			t.Errorf("%q: %d, %v; want %d", text, s.bytes, err, want)
		}
	}
	var half size
	memory, _ := machine.Memory()
	if err := half.Set("50%"); memory > 0 && (err != nil || half.bytes > memory/2 || half.bytes < memory/100*49) {
		t.Errorf("half of %d is taken as %d, %v", memory, half.bytes, err)
	}
	for _, text := range []string{"", "0", "-1", "M", "1X", "1e9", "0x10", "inf", "NaN", "0%", "101%", "1.5%", "-1%", "%", "1.5.5", "9999999999T", " 1G", "0.1"} {
		var s size
		if err := s.Set(text); err == nil || s.bytes != 0 {
			t.Errorf("%q is taken as %d", text, s.bytes)
		}
	}
}

package main

import "testing"

func TestHaltValues(t *testing.T) {
	for text, want := range map[string]halt{
		"1":       {n: 1},
		"30":      {n: 30},
		"soon,2":  {n: 2},
		"now,2":   {n: 2, now: true},
		"10%":     {n: 10, percent: true},
		"now,5%":  {n: 5, percent: true, now: true},
		"soon,1%": {n: 1, percent: true},
		"100%":    {n: 100, percent: true},
	} {
		var got halt
		want.text = text
		if err := got.Set(text); err != nil || got != want {
			t.Errorf("--halt %s is %+v, %v; want %+v", text, got, err, want)
		}
	}
	for _, text := range []string{"", "0", "-1", "+1", "0%", "101%", "1.5%", "%", "now", "now,", "later,3", "now,soon,3", " 3", "3 %", "9999999999"} {
		got := halt{n: 7}
		if err := got.Set(text); err == nil || got.n != 7 {
			t.Errorf("--halt %q is %+v, %v; want an error and no change", text, got, err)
		}
	}
}

func TestHaltIsReached(t *testing.T) {
	tests := []struct {
		flag           string
		ended, without int64
		want           bool
	}{
		{"2", 1000, 1, false},
		{"2", 2, 2, true},
		{"50%", 9, 9, false}, // too few to know
		{"50%", 10, 4, false},
		{"50%", 10, 5, true},
		{"1%", 100, 2, false}, // so may an early failure look
		{"1%", 300, 3, true},
		{"1%", 301, 3, false},
		{"100%", 10, 10, true},
	}
	for _, tt := range tests {
		var h halt
		if err := h.Set(tt.flag); err != nil {
			t.Fatal(err)
		}
		if got := h.reached(tt.ended, tt.without); got != tt.want {
			t.Errorf("--halt %s with %d of %d without success: %v, want %v", tt.flag, tt.without, tt.ended, got, tt.want)
		}
	}
	if (halt{}).reached(1000, 1000) {
		t.Error("a run without --halt halts")
	}
}

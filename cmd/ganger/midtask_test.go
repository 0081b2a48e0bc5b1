package main

import "testing"

func TestHalved(t *testing.T) {
	for text, want := range map[string]bool{
		`"plain"`:                 false,
		`""`:                      false,
		`"é \u00e9 \ufffd"`:       false,
		`"\ud83d\ude00"`:          false,
		`"\uD83D\uDE00 \n \\"`:    false,
		`"\\ud800"`:               false,
		`"\\\ud800"`:              true,
		`"\ud800"`:                true,
		`"a\udcffb"`:              true,
		`"\ud83d\ud83d\ude00"`:    true,
		`"\ud83d\u0041"`:          true,
		`"\ud83d\\ude00"`:         true,
		`"\ud83d\ude00\ud83d"`:    true,
		`"\ude00\ud83d"`:          true,
		`"\ud83d\ude00\u0041\\u"`: false,
	} {
		if got := halved([]byte(text)); got != want {
			t.Errorf("halved(%s) = %v, want %v", text, got, want)
		}
	}
}

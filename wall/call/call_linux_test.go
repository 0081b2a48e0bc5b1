package call_test

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/ganger-dev/ganger"
	"github.com/ganger-dev/ganger/wall/process"
	"github.com/ganger-dev/ganger/wall/walltest"
)

func TestValuesCrossAsTheyAre(t *testing.T) {
	same := []string{
		`"hi"`, `""`, `null`, `true`, `false`, `0`, `-1`, `0.1`, `1.5`, `-1.5e-70`, `9007199254740991`, `[]`, `{}`,
		`"é漢😀"`, `"a\u0000\nb"`, `"\ud800"`, `[1,[2,{"a":[null]}]]`, `{"b":1,"a":2}`, `"` + strings.Repeat("long ", 150_000) + `"`,
		strings.Repeat("[", 400) + strings.Repeat("]", 400),
	}
	on(t, func(t *testing.T, ext string) {
		for _, c := range []process.Channel{process.Private, process.Pair} {
			for _, f := range []string{":echo", ":aecho"} {
				w := begun(t, "cases"+ext+f, 1, c)
				for _, v := range same {
					w.gives(v, v)
				}
				if ext == ".py" {
					w.gives(`123456789012345678901234567890`, `123456789012345678901234567890`)
				}
				w.gives(`"\u00e9\/"`, `"é/"`)
				w.gives(` { "a" : 1.0 } `, map[string]string{".py": `{"a":1.0}`, ".mjs": `{"a":1}`}[ext])
			}
		}
		begun(t, "cases"+ext+":nothing", 1, process.Private).gives(`1`, `null`)
		begun(t, "cases"+ext+":surrogate", 1, process.Private).gives(`1`, `"a\ud800b"`)
	})
}

// TestT26ResultsThatJSONCannotCarry fail alone: the worker goes on.
func TestT26ResultsThatJSONCannotCarry(t *testing.T) {
	kinds := map[string][]string{
		".py":  {"circle", "deep", "type", "nan", "infinite", "coroutine", "big", "many digits"},
		".mjs": {"circle", "deep", "type", "nan", "infinite", "function", "symbol", "big"},
	}
	on(t, func(t *testing.T, ext string) {
		w := begun(t, "cases"+ext+":odd", 1, process.Private)
		for _, kind := range kinds[ext] {
			if f := w.fails(`"`+kind+`"`, ganger.CauseEncode); !strings.Contains(f.Message, "the result") {
				t.Errorf("%s: %q", kind, f.Message)
			}
		}
		w.gives(`"none of these"`, `null`)
	})
}

func TestAResultThatNobodyAwaits(t *testing.T) {
	f := begun(t, "cases.py:plain_async", 1, process.Private).fails(`1`, ganger.CauseEncode)
	if !strings.Contains(f.Message, "async def") {
		t.Errorf("%q gives no advice", f.Message)
	}
}

// TestExceptionsHaveTheirTraceback of the user's frames and no others.
func TestExceptionsHaveTheirTraceback(t *testing.T) {
	words := map[string][]string{
		".py":  {"KeyError: 'nowhere'", "During handling", "cases.py\", line ", "in inner", `{}["nowhere"]`, "ValueError: no such thing as x"},
		".mjs": {"RangeError: no such thing as x", "cases.mjs:", "at inner", "nowhere"},
	}
	on(t, func(t *testing.T, ext string) {
		for _, name := range []string{"outer", "aouter"} {
			w := begun(t, "cases"+ext+":"+name, 1, process.Private)
			f := w.fails(`"x"`, "")
			if got, _, _ := strings.Cut(f.Message, ": "); f.Message != got+": no such thing as x" {
				t.Errorf("message %q", f.Message)
			}
			for _, want := range append(words[ext], name) {
				if !strings.Contains(f.Trace, want) {
					t.Errorf("the trace has no %q:\n%s", want, f.Trace)
				}
			}
			for _, not := range []string{"ganger", "node:internal", "importlib"} {
				if strings.Contains(strings.ReplaceAll(f.Trace, here(t), ""), not) {
					t.Errorf("the trace has %q:\n%s", not, f.Trace)
				}
			}
			w.fails(`"again"`, "")
		}
	})
	if f := begun(t, "cases.mjs:thrown", 1, process.Private).fails(`{"code":7}`, ""); f.Message != "thrown: { code: 7 }" {
		t.Errorf("what is no error is told as %q", f.Message)
	}
}

// here is the directory of this package, whose name may hold any word.
func here(t *testing.T) string {
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// TestT28PrintsOfAnyKind never fail a task, and can be read in the log.
func TestT28PrintsOfAnyKind(t *testing.T) {
	ways := map[string][]string{
		".py":  {"print", "descriptor", "library", "child", "binary", "half"},
		".mjs": {"print", "descriptor", "child", "binary"},
	}
	on(t, func(t *testing.T, ext string) {
		for _, c := range []process.Channel{process.Private, process.Pair} {
			w := begun(t, "cases"+ext+":prints", 1, c)
			for _, way := range ways[ext] {
				w.gives(`"`+way+`"`, `"`+way+`"`)
				w.printed(map[bool]string{true: "half a surrogate", false: way}[way == "half"])
			}
			w.gives(`"none"`, `"none"`)
		}
	})
	w := begun(t, "cases.py:prints", 1, process.Private)
	w.gives(`"closed"`, `"closed"`)
	w.gives(`"none"`, `"none"`)
}

// TestT29FeedbackOfAFunction comes in order and before the result.
func TestT29FeedbackOfAFunction(t *testing.T) {
	on(t, func(t *testing.T, ext string) {
		for _, name := range []string{"reports", "areports"} {
			h := &walltest.Host{}
			w := begun(t, "cases"+ext+":"+name, 1, process.Private)
			if got, err := walltest.Begin(w.Instance, json.RawMessage(`500`), h).Wait(t); string(got) != "500" || err != nil {
				t.Fatalf("%s, %v", got, err)
			}
			for n, r := range h.Reports() {
				if want := `{"step":` + jsonOf(n) + `}`; r != want {
					t.Fatalf("report %d is %s, want %s", n, r, want)
				}
			}
			if n := len(h.Reports()); n != 500 {
				t.Errorf("%d reports, want 500", n)
			}
		}
		h := &walltest.Host{}
		w := begun(t, "cases"+ext+":reports_late", 1, process.Private)
		if _, err := walltest.Begin(w.Instance, json.RawMessage(`1`), h).Wait(t); err != nil {
			t.Fatal(err)
		}
		w.printed("late") // it was told that there is no task
		w.gives(`2`, `null`)
		if r := h.Reports(); len(r) > 0 {
			t.Errorf("the task reported %q after its end", r)
		}
	})
}

func jsonOf(v any) string {
	b, _ := json.Marshal(v)
	return string(b)
}

// TestT32AFunctionAsks in mid-task, and goes on with the answer.
func TestT32AFunctionAsks(t *testing.T) {
	answer := func(_ context.Context, q []byte) ([]byte, error) {
		if string(q) == `"forbidden"` {
			return nil, errors.New("you may not ask that")
		}
		return []byte(`{"to":` + string(q) + `}`), nil
	}
	on(t, func(t *testing.T, ext string) {
		for _, name := range []string{"asks", "aasks"} {
			w := begun(t, "cases"+ext+":"+name, 1, process.Private)
			ask := func(q, want string) {
				t.Helper()
				if name == "aasks" && !strings.HasPrefix(want, `"no`) {
					want = `[{"to":"first"},` + want + `]`
				}
				got, err := walltest.Begin(w.Instance, json.RawMessage(q), &walltest.Host{Answer: answer}).Wait(t)
				if string(got) != want || err != nil {
					t.Errorf("%s: asked %s, got %s, %v; want %s", name, q, got, err, want)
				}
			}
			for range 3 {
				ask(`{"a":[1,null]}`, `{"to":{"a":[1,null]}}`)
				ask(`"forbidden"`, `"no: you may not ask that"`)
			}
		}
	})
}

// TestSlotsHoldAsyncFunctions: as many run at once as were agreed, and a plain
// function of Python, which must run in the main thread, has one.
func TestSlotsHoldAsyncFunctions(t *testing.T) {
	for _, target := range []string{"script.py:aperform", "script.mjs:perform"} {
		w := begun(t, target, 8, process.Private)
		if w.Slots() != 8 {
			t.Fatalf("%s has %d slots, want 8", target, w.Slots())
		}
		var calls []*walltest.Call[json.RawMessage]
		for range 8 {
			calls = append(calls, walltest.Begin(w.Instance, json.RawMessage(`"gather 8"`), nil))
		}
		for _, c := range calls {
			if r, err := c.Wait(t); string(r) != `"together"` || err != nil {
				t.Fatalf("%s: %s, %v", target, r, err)
			}
		}
	}
	w := begun(t, "cases.py:is_main", 8, process.Private)
	if w.Slots() != 1 {
		t.Errorf("a plain function of Python has %d slots, want 1", w.Slots())
	}
	w.gives(`1`, `true`)
}

// TestAFunctionIsOfItsFile: the file is not run as a program, knows where it is,
// and no compiled copy is left beside it.
func TestAFunctionIsOfItsFile(t *testing.T) {
	on(t, func(t *testing.T, ext string) {
		w := begun(t, "cases"+ext+":identity", 1, process.Private)
		file := here(t) + "/testdata/cases" + ext
		w.gives(`1`, jsonOf([]any{w.Usage().PID, "cases", file, []string{file}}))
	})
	if _, err := os.Stat("testdata/__pycache__"); err == nil {
		t.Error("a compiled copy was left beside the file")
	}
}

// TestTheChannelIsTheWorkersAlone: neither what the function starts nor what it
// forks can hold the channel open or speak on it.
func TestTheChannelIsTheWorkersAlone(t *testing.T) {
	on(t, func(t *testing.T, ext string) {
		for _, c := range []process.Channel{process.Private, process.Pair} {
			out, err := begun(t, "cases"+ext+":channel", 1, c).do(`1`)
			var seen [2]string // the channel, and what a child has
			if err = errors.Join(err, json.Unmarshal([]byte(out), &seen)); err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(seen[0], ":[") || !strings.HasPrefix(seen[1], "\n") || strings.Contains(seen[1], seen[0]) {
				t.Errorf("the channel is %s; a child has the variables and descriptors %q", seen[0], seen[1])
			}
		}
	})
	w := begun(t, "cases.py:forks", 1, process.Private)
	for range 3 {
		w.gives(`1`, `true`)
	}
}

// TestTermEnds a worker, busy or idle.
func TestTermEnds(t *testing.T) {
	on(t, func(t *testing.T, ext string) {
		for _, busy := range []bool{false, true} {
			w := begun(t, "cases"+ext+":sleeps", 1, process.Private)
			if busy {
				w.start(`1`)
			}
			if err := syscall.Kill(w.Usage().PID, syscall.SIGTERM); err != nil {
				t.Fatal(err)
			}
			walltest.Await(t, w.Gone(), "the worker to end")
			if x := w.Exit(); x.Reason != ganger.LeavingSignal(int(syscall.SIGTERM)) {
				t.Errorf("it left with %+v", x)
			}
		}
	})
}

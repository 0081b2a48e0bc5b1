package replace

import (
	"bytes"
	"fmt"
	"os/exec"
	"strings"
	"testing"
)

func TestFill(t *testing.T) {
	tests := []struct {
		template, task, want string
	}{
		{"", "a", ""},
		{"plain", "a", "plain"},
		{"{}", "dir/a b.tar.gz", "dir/a b.tar.gz"},
		{"{.}", "dir/a.tar.gz", "dir/a.tar"},
		{"{.}", "dir.d/a", "dir.d/a"},
		{"{.}", "dir/.profile", "dir/.profile"},
		{"{.}", "a.", "a"},
		{"{.}", "d/a.b/", "d/a"},
		{"{.}", "//", "//"},
		{"{/}", "dir/a.b", "a.b"},
		{"{/}", "dir/sub/", "sub"},
		{"{/}", "/", "/"},
		{"{/}", "", ""},
		{"{//}", "x/y/a.b", "x/y"},
		{"{//}", "a.b", "."},
		{"{//}", "/a", "/"},
		{"{//}", "//", "/"},
		{"{//}", "x//a/", "x"},
		{"{//}", "", "."},
		{"{/.}", "x.d/a.tif", "a"},
		{"out/{/.}.webp", "scans/a b.tif", "out/a b.webp"},
		{"{#}-{seat}", "a", "12-3"},
		{"{}{}", "a", "aa"},
		{"-o={out}{outs}", "a", "-o=.part.o{outs}"},
		{"{{}}", "a", "{a}"},
		{"{x} {seats} {0} {", "a", "{x} {seats} {0} {"},
		{"{}", "\xff\x00", "\xff\x00"},
		{"{}", "{seat}", "{seat}"}, // a value is never a template
	}
	for _, tt := range tests {
		got := Parse(tt.template).Fill(Values{Task: []byte(tt.task), Number: 12, Seat: 3, Out: ".part.o"})
		if got != tt.want {
			t.Errorf("%q with task %q = %q, want %q", tt.template, tt.task, got, tt.want)
		}
	}
}

func TestNeeds(t *testing.T) {
	for text, want := range map[string]string{"a {seat} {out}": "[]", "{x}": "[]", "{seat}{/.}{}": "[{/.} {}]", "{#}": "[{#}]"} {
		if got := fmt.Sprint(Parse(text).Needs()); got != want {
			t.Errorf("%q needs %s, want %s", text, got, want)
		}
	}
	if t1 := Parse("{#}{out}"); !t1.Holds(Out) || t1.Holds(Task) {
		t.Error("{#}{out} holds {out} and not {}")
	}
	if got := Parse("{#}").Fill(Values{Number: 3, Child: "2.1"}); got != "3.2.1" {
		t.Errorf("{#} of a child = %q, want 3.2.1", got)
	}
	if _, ok := Parse("a{seat}").Fixed(); ok {
		t.Error("a{seat} is said to be fixed")
	}
	if text, ok := Parse("{a}{").Fixed(); !ok || text != "{a}{" {
		t.Errorf("{a}{ is fixed: %q, %v", text, ok)
	}
}

func TestScriptRefusesItsOwnQuotes(t *testing.T) {
	for script, good := range map[string]bool{
		`cat {} | wc`:          true,
		`echo "a b" {} 'c' {}`: true,
		`echo \" {} \'`:        true,
		`echo '\' {}`:          true,
		`echo "{}"`:            false,
		`echo '{/}'`:           false,
		`echo "a\"{#}"`:        false,
		`echo \{}`:             false,
		`echo "{x}"`:           true,
		`awk '{print $1}' {}`:  true,
		`awk '{print "{}"}'`:   false,
	} {
		if _, err := Script(script); (err == nil) != good {
			t.Errorf("Script(%q): err = %v, want good %v", script, err, good)
		}
	}
}

// FuzzReplace: filling a template is the same as replacing text by hand, and
// what a script's shell sees of a task is exactly its bytes.
func FuzzReplace(f *testing.F) {
	f.Add("a {} {.} {/.}", []byte("dir/it's.txt"))
	f.Add("{{seat}{//}", []byte("$(rm -rf /)`\"\\\n"))
	f.Add("{", []byte("-n\xff"))
	sh, err := exec.LookPath("sh")
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text string, task []byte) {
		v := Values{Task: task, Number: 7, Seat: 1, Out: "o'ut"}
		if !bytes.ContainsAny(task, "{}") { // else a replaced task would be read again
			want := text
			for s := Task; s <= Out; s++ {
				want = strings.ReplaceAll(want, s.String(), "\xfe"+string(rune('a'+s))+"\xfe")
			}
			for s := Task; s <= Out; s++ {
				want = strings.ReplaceAll(want, "\xfe"+string(rune('a'+s))+"\xfe", string(value(s, v)))
			}
			if got := Parse(text).Fill(v); got != want && !strings.Contains(text, "\xfe") && !bytes.Contains(task, []byte("\xfe")) {
				t.Fatalf("%q with %q = %q, want %q", text, task, got, want)
			}
		}
		if len(task) > 64<<10 || bytes.IndexByte(task, 0) >= 0 {
			return // no word of a shell can hold these
		}
		script, err := Script("printf '%s|' {} x{/}y {#}")
		if err != nil {
			t.Fatal(err)
		}
		got, err := exec.Command(sh, "-c", script.Fill(v)).Output()
		if want := string(task) + "|x" + string(base(task)) + "y|7|"; err != nil || string(got) != want {
			t.Fatalf("the shell saw %q of %q, want %q (%v)", got, task, want, err)
		}
	})
}

package input

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
)

// all reads every task of r.
func all(t testing.TB, r *Reader) []Task {
	t.Helper()
	var tasks []Task
	for {
		task, err := r.Next()
		if errors.Is(err, io.EOF) {
			return tasks
		}
		if err != nil {
			t.Fatalf("Next: %v", err)
		}
		tasks = append(tasks, task)
	}
}

// show writes tasks as "index:line:bytes", with "!" where a task has an error.
func show(tasks []Task) []string {
	var s []string
	for _, t := range tasks {
		mark := ""
		if t.Err != nil {
			mark = "!"
		}
		s = append(s, fmt.Sprintf("%d:%d:%s%q", t.Index, t.Line, mark, t.Bytes))
	}
	return s
}

func TestTasksOfAStream(t *testing.T) {
	tests := []struct {
		name   string
		format Format
		input  string
		want   []string
	}{
		{"nothing", Lines, "", nil},
		{"lines", Lines, "a\nb b\n", []string{`1:1:"a"`, `2:2:"b b"`}},
		{"no final newline", Lines, "a\nb", []string{`1:1:"a"`, `2:2:"b"`}},
		{"an empty line is a task", Lines, "\na\n\n", []string{`1:1:""`, `2:2:"a"`, `3:3:""`}},
		{"carriage returns stay", Lines, "a\r\nb\r\n", []string{`1:1:"a\r"`, `2:2:"b\r"`}},
		{"NUL bytes stay in lines", Lines, "a\x00b\n", []string{`1:1:"a\x00b"`}},
		{"not UTF-8", Lines, "\xff\xfe\n", []string{`1:1:"\xff\xfe"`}},
		{"NUL-separated", Null, "a\nb\x00c\x00", []string{`1:1:"a\nb"`, `2:2:"c"`}},
		{"NUL-separated, none last", Null, "a\x00b\n", []string{`1:1:"a"`, `2:2:"b\n"`}},
		{"NUL-separated, empty", Null, "\x00\x00", []string{`1:1:""`, `2:2:""`}},
		{"JSON", JSON, "1\n \"a\" \r\n\n  \n{\"x\": [1]}", []string{`1:1:"1"`, `2:2:"\"a\""`, `3:5:"{\"x\": [1]}"`}},
		{"not JSON", JSON, "1\n{\n2 3\n4\n", []string{`1:1:"1"`, `2:2:!"{"`, `3:3:!"2 3"`, `4:4:"4"`}},
		{"JSON, not UTF-8", JSON, "\"\xff\"\n", []string{`1:1:!"\"\xff\""`}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := show(all(t, New(strings.NewReader(tt.input), tt.format, 0)))
			if d := cmp.Diff(tt.want, got); d != "" {
				t.Errorf("tasks of %q (-want +got):\n%s", tt.input, d)
			}
			slow := show(all(t, New(iotest.OneByteReader(strings.NewReader(tt.input)), tt.format, 0)))
			if d := cmp.Diff(tt.want, slow); d != "" {
				t.Errorf("tasks of %q byte by byte (-want +got):\n%s", tt.input, d)
			}
		})
	}
}

func TestATaskThatIsTooLongIsOneTask(t *testing.T) {
	const limit = 200_000 // more than the reader's own buffer
	long := strings.Repeat("x", limit)
	r := New(strings.NewReader("a\n"+long+"\n"+long+"y\nb\n"+long+long+long), Lines, limit)
	tasks := all(t, r)
	if len(tasks) != 5 {
		t.Fatalf("%d tasks, want 5", len(tasks))
	}
	if got := tasks[1]; got.Err != nil || len(got.Bytes) != limit {
		t.Errorf("a task of exactly the limit: %d bytes, err %v", len(got.Bytes), got.Err)
	}
	for _, i := range []int{2, 4} {
		got := tasks[i]
		if !errors.Is(got.Err, ErrTooLong) || !strings.Contains(got.Err.Error(), fmt.Sprintf("line %d", i+1)) {
			t.Errorf("task %d: err = %v, want %v with its line", i+1, got.Err, ErrTooLong)
		}
		if len(got.Bytes) != shown || cap(got.Bytes) > 2*shown {
			t.Errorf("task %d keeps %d of %d bytes, want the first %d only", i+1, len(got.Bytes), cap(got.Bytes), shown)
		}
	}
	if string(tasks[3].Bytes) != "b" {
		t.Errorf("the task after one that is too long is %q, want %q", tasks[3].Bytes, "b")
	}
	if want := int64(2 + limit + 1 + limit + 2 + 2 + 3*limit); r.Consumed() != want {
		t.Errorf("consumed %d bytes, want %d", r.Consumed(), want)
	}
}

func TestABrokenStreamNamesTheLine(t *testing.T) {
	broken := errors.New("disk on fire")
	r := New(io.MultiReader(strings.NewReader("a\nb"), iotest.ErrReader(broken)), Lines, 0)
	if task, err := r.Next(); err != nil || string(task.Bytes) != "a" {
		t.Fatalf("first task: %q, %v", task.Bytes, err)
	}
	for range 2 {
		if _, err := r.Next(); !errors.Is(err, broken) || !strings.Contains(err.Error(), "line 2") {
			t.Errorf("err = %v, want %v with its line", err, broken)
		}
	}
}

// FuzzInput: whatever the bytes, the tasks of a stream joined by its separator
// are the stream again, numbered without a gap, and no task is over the limit.
func FuzzInput(f *testing.F) {
	f.Add([]byte("a\nb\r\n\n\x00c"), uint8(0), uint16(3))
	f.Add([]byte("a\x00\x00b\n"), uint8(1), uint16(100))
	f.Add([]byte("1\n\n{\"a\":\"\xff\"}\n[]]"), uint8(2), uint16(100))
	f.Fuzz(func(t *testing.T, data []byte, form uint8, limit uint16) {
		format, most := Format(form%3), int(limit)+1
		sep := []byte{'\n'}
		if format == Null {
			sep[0] = 0
		}
		parts := bytes.Split(data, sep)
		if last := len(parts) - 1; len(parts[last]) == 0 {
			parts = parts[:last]
		}
		tasks := all(t, New(bytes.NewReader(data), format, most))
		if format != JSON && len(tasks) != len(parts) {
			t.Fatalf("%d tasks, want %d", len(tasks), len(parts))
		}
		for i, task := range tasks {
			part := parts[task.Line-1]
			if task.Index != i+1 {
				t.Fatalf("task %d has the number %d", i+1, task.Index)
			}
			if long := len(part) > most; long != errors.Is(task.Err, ErrTooLong) {
				t.Fatalf("task of %d bytes, limit %d: err = %v", len(part), most, task.Err)
			} else if long {
				if !bytes.HasPrefix(part, task.Bytes) || len(task.Bytes) > shown {
					t.Fatalf("%q kept of %q", task.Bytes, part)
				}
				continue
			}
			if format == JSON {
				part = bytes.Trim(part, " \t\r\n")
			}
			if !bytes.Equal(task.Bytes, part) {
				t.Fatalf("task %d is %q, want %q", task.Index, task.Bytes, part)
			}
		}
	})
}

// TestReadyIsNoPromiseTooMuch: what is ready is read without the stream, and what
// is not there whole is not ready.
func TestReadyIsNoPromiseTooMuch(t *testing.T) {
	in, out := io.Pipe()
	go func() {
		_, _ = out.Write([]byte("a\nb\nhalf"))
		_, _ = out.Write([]byte(" c\n"))
		_ = out.Close()
	}()
	r := New(in, Lines, 0)
	var got []string
	for {
		ready := r.Ready()
		task, err := r.Next()
		if err != nil {
			break
		}
		got = append(got, fmt.Sprint(string(task.Bytes), " ", ready))
	}
	if want := []string{"a false", "b true", "half c false"}; !slices.Equal(got, want) {
		t.Errorf("tasks, and whether they were ready: %q, want %q", got, want)
	}
}

package pool

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ganger-dev/ganger"
	"github.com/ganger-dev/ganger/wall"
)

func TestJudge(t *testing.T) {
	var (
		failure   = &ganger.Error{Outcome: ganger.Failed, Err: errors.New("no")}
		death     = &ganger.Error{Outcome: ganger.Crashed, Cause: "signal 9", Worker: "w0#1", Exit: &ganger.Exit{Reason: "signal 9"}}
		poison    = &ganger.Error{Outcome: ganger.Poisoned, Cause: "signal 9", Worker: "w0#1", Exit: death.Exit}
		late      = &ganger.Error{Outcome: ganger.TimedOut, Cause: ganger.CauseExec}
		total     = &ganger.Error{Outcome: ganger.TimedOut, Cause: ganger.CauseTotal}
		unsaid    = &ganger.Error{Outcome: ganger.Rejected, Cause: ganger.CauseEncode}
		bystander = &ganger.Error{Outcome: ganger.Crashed, Cause: "cancelled", Err: wall.ErrNeighbour}
		gone      = &ganger.Error{Outcome: ganger.Cancelled, Cause: ganger.CauseTask}
	)
	for _, tt := range []struct {
		name string
		f    facts
		want judgement
	}{
		{"a response", facts{asked: gone}, judgement{}},
		{"a failure, no retry", facts{err: failure}, judgement{end: failure, failed: true}},
		{"a failure, one retry left", facts{err: failure, retries: 2, failures: 1}, judgement{again: true, failed: true, tried: failure}},
		{"a failure, retries used up", facts{err: failure, retries: 2, failures: 2}, judgement{end: failure, failed: true}},
		{"deaths are not failures", facts{err: death, retries: 9, maxDeaths: 1}, judgement{end: death, died: true}},
		{"first of two deaths", facts{err: death, maxDeaths: 2}, judgement{again: true, suspect: true, died: true, tried: death}},
		{"second of two deaths", facts{err: death, maxDeaths: 2, deaths: 1}, judgement{end: poison, died: true}},
		{"died with others", facts{err: death, maxDeaths: 2, deaths: 1, neighbour: true}, judgement{again: true, suspect: true}},
		{"died with others, never again", facts{err: death, maxDeaths: 1, neighbour: true}, judgement{end: death, died: true}},
		{"killed for a neighbour", facts{err: bystander, maxDeaths: 2, deaths: 1, neighbour: true}, judgement{again: true}},
		{"killed for a neighbour, never again", facts{err: bystander, maxDeaths: 1}, judgement{end: bystander, died: true}},
		{"never sent", facts{err: wall.ErrUnsent, maxDeaths: 1}, judgement{again: true}},
		{"never sent, asked to end", facts{err: wall.ErrUnsent, asked: gone}, judgement{end: gone}},
		{"an attempt too long", facts{err: late, asked: late, retries: 1}, judgement{again: true, failed: true, tried: late}},
		{"an attempt too long, no retry", facts{err: late, asked: late}, judgement{end: late, failed: true}},
		{"all of it too long", facts{err: total, asked: total, retries: 1}, judgement{end: total}},
		{"killed for a cancel", facts{err: death, asked: gone, maxDeaths: 2}, judgement{end: &ganger.Error{
			Outcome: ganger.Cancelled, Cause: ganger.CauseTask, Worker: "w0#1", Exit: death.Exit,
		}}},
		{"not encodable", facts{err: unsaid, retries: 3}, judgement{end: unsaid}},
		{"died before any answer", facts{err: death, maxDeaths: 1, unproven: true}, judgement{again: true, unready: true}},
		{"silent before any answer", facts{err: late, asked: late, unproven: true}, judgement{again: true, unready: true}},
		{"cancelled before any answer", facts{err: gone, asked: gone, unproven: true}, judgement{end: gone}},
		{"a failure, tried no more", facts{err: failure, retries: 2, final: gone}, judgement{end: failure, failed: true}},
		{"an attempt too long, tried no more", facts{err: late, asked: late, retries: 1, final: gone}, judgement{end: late, failed: true}},
		{"a death, tried no more", facts{err: death, maxDeaths: 2, final: gone}, judgement{end: death, died: true}},
		{"died with others, tried no more", facts{err: death, maxDeaths: 2, neighbour: true, final: gone}, judgement{end: gone}},
		{"never sent, tried no more", facts{err: wall.ErrUnsent, final: gone}, judgement{end: gone}},
		{"died before any answer, tried no more", facts{err: death, maxDeaths: 1, unproven: true, final: gone}, judgement{end: gone, unready: true}},
		{"a response, tried no more", facts{final: gone}, judgement{}},
		{"foreign words", facts{err: errors.New("hm")}, judgement{end: &ganger.Error{Outcome: ganger.Failed, Err: errors.New("hm")}, failed: true}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := judge(tt.f)
			if diff := cmp.Diff(tt.want, got, cmp.AllowUnexported(judgement{}), cmp.Comparer(func(a, b error) bool {
				return a == b || a != nil && b != nil && a.Error() == b.Error()
			})); diff != "" {
				t.Errorf("judge(%+v): (-want +got)\n%s", tt.f, diff)
			}
		})
	}
}

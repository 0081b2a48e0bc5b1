package wall_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ganger-dev/ganger"
	"github.com/ganger-dev/ganger/wall"
)

// patient is a session that hears cancels and answers when it likes.
type patient struct {
	call  *wall.Call[string]
	heard int
}

func (p *patient) Slots() int                           { return 1 }
func (p *patient) Start(_ string, c *wall.Call[string]) { p.call = c }
func (p *patient) Cancel(*wall.Call[string]) bool       { p.heard++; return true }
func (p *patient) Bye()                                 {}
func (p *patient) Hello(context.Context, wall.Stream, wall.Start) (wall.Session[string, string], error) {
	return p, nil
}

type noted struct{ ended bool }

func (n *noted) EndCall(*wall.Call[string]) { n.ended = true }

// TestTellKillsNobody: a call that was told may take as long as it likes, and has
// its response; one that was cancelled has the grace.
func TestTellKillsNobody(t *testing.T) {
	for _, told := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			s, p := newStill(), &patient{}
			i, err := wall.Speak[string, string](one{s}, p).Open(t.Context(), wall.Start{Name: "w", Grace: time.Second})
			if err != nil {
				t.Fatal(err)
			}
			n := &noted{}
			c := &wall.Call[string]{End: n}
			i.Start("q", c)
			as := &ganger.Error{Outcome: ganger.Cancelled, Cause: ganger.CauseWithdrawn}
			if told {
				i.(wall.Teller[string]).Tell(c, as)
				i.Cancel(c, as) // changes nothing any more
			} else {
				i.Cancel(c, as)
			}
			time.Sleep(time.Hour)
			synctest.Wait()
			if p.heard != 1 {
				t.Errorf("told %v: the session heard %d cancels, want one", told, p.heard)
			}
			if killed := s.Exit().Reason != ""; killed == told {
				t.Errorf("told %v: killed %v", told, killed)
			}
			p.call.Finish("r", nil)
			if !n.ended || c.Response != "r" || c.Err != nil {
				t.Errorf("told %v: %q, %v; want its response", told, c.Response, c.Err)
			}
			s.Kill(ganger.LeavingStopped)
		})
	}
}

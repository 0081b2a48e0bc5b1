package late_test

import (
	"context"
	"errors"
	"sync"
	"testing"

	"github.com/ganger-dev/ganger/internal/late"
)

type key struct{}

// TestIsAContext: what a context of the standard library does, this one does,
// whether somebody waited before its end or only looks after it.
func TestIsAContext(t *testing.T) {
	why := errors.New("no longer wanted")
	for name, early := range map[string]bool{"waited for": true, "looked at later": false} {
		t.Run(name, func(t *testing.T) {
			var c late.Context
			c.Init(context.WithValue(t.Context(), key{}, "v"))
			if c.Err() != nil || c.Cause() != nil {
				t.Fatalf("fresh: Err %v, Cause %v; want neither", c.Err(), c.Cause())
			}
			child := context.Context(&c)
			if early {
				var cancel context.CancelFunc
				child, cancel = context.WithCancel(&c)
				defer cancel()
				select {
				case <-c.Done():
					t.Fatal("fresh: done")
				default:
				}
			}
			c.Cancel(why)
			c.Cancel(errors.New("another"))
			c.Finish()
			<-c.Done()
			<-child.Done()
			if got := context.Cause(child); got != why {
				t.Errorf("Cause = %v, want the first", got)
			}
			if c.Err() != context.Canceled || c.Cause() != why || c.Value(key{}) != "v" {
				t.Errorf("Err %v, Cause %v, Value %v; want canceled, the first cause, v", c.Err(), c.Cause(), c.Value(key{}))
			}
		})
	}
}

// TestHammerEndAndWait: whoever waits while it ends is woken.
func TestHammerEndAndWait(t *testing.T) {
	for range 2000 {
		var c late.Context
		c.Init(context.Background())
		var all sync.WaitGroup
		for range 2 {
			all.Go(func() { <-c.Done() })
		}
		c.Finish()
		all.Wait()
	}
}

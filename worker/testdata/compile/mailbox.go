package compile

import "github.com/ganger-dev/ganger/worker"

func illegalOnAQueue() {
	_ = queue.Push(Open{})
	queue.TryPush(Open{})                 // want "queue.TryPush undefined"
	queue.Put(Open{})                     // want "queue.Put undefined"
	worker.CallLatest(ctx, queue, Open{}) // want "type worker.Queue\[Player\] of queue does not match worker.Box\[W\]"
	queue.Crash(nil)                      // want "queue.Crash undefined"
}

func illegalOnABounded() {
	_, _ = bounded.Push(ctx, Open{}), bounded.TryPush(Open{})
	bounded.Push(Open{})                    // want "not enough arguments in call to bounded.Push"
	bounded.Put(Open{})                     // want "bounded.Put undefined"
	worker.CallLatest(ctx, bounded, Open{}) // want "type worker.Bounded\[Player\] of bounded does not match worker.Box\[W\]"
}

func illegalOnALatest() {
	_ = latest.Put(Open{})
	latest.Push(Open{})              // want "latest.Push undefined"
	latest.TryPush(Open{})           // want "latest.TryPush undefined"
	worker.Call(ctx, latest, Open{}) // want "type worker.Latest\[Player\] of latest does not match worker.Fifo\[W\]"
}

func illegalOnASource() {
	_ = source.Stop(ctx)
	source.Push(Open{})                    // want "source.Push undefined"
	source.Put(Open{})                     // want "source.Put undefined"
	worker.Call(ctx, source, Open{})       // want "type worker.Source\[Player\] of source does not match worker.Fifo\[W\]"
	worker.CallLatest(ctx, source, Open{}) // want "type worker.Source\[Player\] of source does not match worker.Box\[W\]"
}

func illegalOnOneself() {
	_ = self.Push(Open{})
	worker.Call(ctx, self, Open{}) // want "type worker.Self\[Player\] of self does not match worker.Fifo\[W\]"
}

func refsAreNotEachOther() {
	queue = bounded     // want "cannot use bounded .* as worker.Queue\[Player\] value"
	queue = referee     // want "cannot use referee .* as worker.Queue\[Player\] value"
	_ = queue.Ref.c     // want "queue.Ref.c undefined"
	_ = worker.Ref{nil} // want "implicit assignment to unexported field c"
}

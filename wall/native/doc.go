// Package native is ganger's own worker protocol, for both sides of a stream:
// frames on descriptors that nothing else uses, requests and responses as JSON
// or bytes, feedback, questions in mid-task and cancellation. The bytes are
// specified in docs/worker-protocol.md, so that a worker can be written in any
// language.
//
// # Usage
//
// A worker in Go is a function:
//
//	func main() {
//		native.Main(1, func(ctx context.Context, path string, h wall.Host) (Report, error) { … })
//	}
//
// A coordinator speaks to it through a [Dialect]:
//
//	d := native.Dialect[string, Report]{Request: native.JSON[string](), Response: native.JSON[Report]()}
//	w := wall.Speak(process.Command{Path: "./worker"}, d)
//
// # State model
//
// The state of a request on the wire, seen from the coordinator:
//
//	request --> in hand --response, error, cancelled--> ended
//	             |  ^ \
//	       cancel|  |  feedback, ask (answer) in any number
//	             +--+
//
// # Ordering and concurrency
//
// With one slot the goroutine that performs a call writes the request and reads
// until the response; with more, one goroutine of the session reads and one
// writes. Frames of one request are received in the order in which they were
// sent; those of different requests have no order. Nothing that a coordinator
// sends waits for a worker that does not read, except the request itself.
//
// # Failure handling
//
// Lengths are checked before memory is taken. Whatever a worker sends against
// the protocol ends the life, with the first bytes seen in the error. When the
// stream ends, requests that the worker never took end with [wall.ErrUnsent],
// the others with [wall.ErrGone], which the exit of the life explains. A value
// that cannot be encoded or decoded is a failure of that request alone.
package native

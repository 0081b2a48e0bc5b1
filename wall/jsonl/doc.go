// Package jsonl is the dialect of workers that speak JSON, one value a line.
// Each request has an id, so a worker may have several in hand and answer them
// in any order. docs/worker-protocol.md specifies the lines.
//
// # Usage
//
//	to the worker    {"id":1,"request":V}
//	                 {"cancel":1}                  if its ready line has "cancel":true
//	from the worker  {"id":1,"response":V}
//	                 {"id":1,"error":{"message":"…","trace":"…"}}
//	                 {"id":1,"feedback":V}         any number, before the response
//	                 {"id":1,"cancelled":true}     it gave the request up
//	                 {"ready":true,"slots":4,"cancel":true}   first, if Ready is set
//
//	d := jsonl.Dialect[json.RawMessage, json.RawMessage]{Slots: 4}
//	w := wall.Speak(process.Command{Path: "./worker", Channel: process.Stdio}, d)
//
// # Ordering and concurrency
//
// One goroutine of the session reads and one writes. Lines about one request
// are received in the order in which they were sent; those about different
// requests have no order.
//
// # Failure handling
//
// A line that is no JSON object, is about a request that is not in hand, or is
// longer than the limit ends the life, with its first bytes in the error; if
// nothing is in hand then, it costs no request. Members that are unknown are
// passed over. A value that cannot be encoded or decoded is a failure of that
// request alone.
package jsonl

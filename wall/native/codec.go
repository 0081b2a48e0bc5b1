package native

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
)

// Codec makes bodies of values and values of bodies. It is a plain value, safe
// for concurrent use.
type Codec[V any] interface {
	// Append appends the body that stands for v to dst. An error refuses v; the
	// worker never hears of it.
	Append(dst []byte, v V) ([]byte, error)
	// Parse returns the value that body stands for. A body longer than 64 KiB
	// may be kept by the value; a shorter one is valid only until Parse returns.
	Parse(body []byte) (V, error)
}

// Lender is implemented by codecs whose bodies may lie in the value's own
// memory. A long one is then written from there, and not copied.
type Lender[V any] interface {
	// Lend returns the body that Append would append, and true if it lies in
	// memory that does not change until the call has ended, for a request, or
	// the response is sent.
	Lend(v V) ([]byte, bool)
}

// Formatter is implemented by codecs whose bodies are in a format that has a
// name in the hello; both sides must name the same. A codec without a name may
// speak with any: what the bodies hold is then between the two programs.
type Formatter interface{ Format() string }

// JSON returns the codec of bodies {"value":V}, V in the JSON of encoding/json
// without its escapes for HTML. It is for requests and responses alike. A
// json.RawMessage is checked, and crosses byte for byte. Parse passes over
// other members, such as the method of a request.
func JSON[V any]() Codec[V] { return jsonCodec[V]{head: `{"value":`} }

// Method returns the codec of requests {"method":name,"value":V}, for workers
// that have several methods to choose from. It parses as [JSON] does.
func Method[V any](name string) Codec[V] {
	quoted, err := json.Marshal(name)
	if err != nil {
		panic(fmt.Sprintf("native: method %q: %v", name, err)) // no string is refused
	}
	return jsonCodec[V]{head: `{"method":` + string(quoted) + `,"value":`}
}

type jsonCodec[V any] struct{ head string }

func (c jsonCodec[V]) Format() string { return "json" }

func (c jsonCodec[V]) Append(dst []byte, v V) ([]byte, error) {
	dst = append(dst, c.head...)
	if raw, ok := any(v).(json.RawMessage); ok && raw != nil {
		if !json.Valid(raw) {
			return nil, fmt.Errorf("this is no JSON: %q", raw[:min(len(raw), 64)])
		}
		return append(append(dst, raw...), '}'), nil
	}
	w := (*appender)(&dst)
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	dst[len(dst)-1] = '}' // in place of the newline that Encode writes
	return dst, nil
}

type appender []byte

func (a *appender) Write(p []byte) (int, error) {
	*a = append(*a, p...)
	return len(p), nil
}

var (
	plainHead  = []byte(`{"value":`)
	errNoValue = errors.New(`the body has no member "value"`)
)

func (c jsonCodec[V]) Parse(body []byte) (V, error) {
	var v V
	// What lies between a plain head and the last brace is the value if it is
	// JSON; if not, there are more members, and the long way is taken.
	if inner, ok := bytes.CutPrefix(body, plainHead); ok && bytes.HasSuffix(inner, []byte("}")) {
		if err := json.Unmarshal(inner[:len(inner)-1], &v); err == nil {
			return v, nil
		}
		v = *new(V)
	}
	var members struct {
		Value json.RawMessage `json:"value"`
	}
	if err := json.Unmarshal(body, &members); err != nil {
		return v, err
	}
	if members.Value == nil {
		return v, errNoValue
	}
	err := json.Unmarshal(members.Value, &v)
	return v, err
}

// Bytes returns the codec of bodies that are the value itself, byte for byte. A
// long one is lent ([Lender]) and kept: so what a worker's function returns must
// not change afterwards, and may be the request.
func Bytes() Codec[[]byte] { return bytesCodec{} }

type bytesCodec struct{}

func (bytesCodec) Append(dst, v []byte) ([]byte, error) { return append(dst, v...), nil }

func (bytesCodec) Lend(v []byte) ([]byte, bool) { return v, true }

func (bytesCodec) Parse(body []byte) ([]byte, error) {
	if len(body) > 64<<10 {
		return body, nil
	}
	own := make([]byte, len(body))
	copy(own, body)
	return own, nil
}

package native

import (
	"encoding/json"
	"strconv"
)

// A worker that lives for one task pays for all that its start touches, and
// encoding/json costs a tenth of the start of an empty program when it is first
// used. So the hello, which nearly always is plain, is written and read here;
// what is not plain is left to encoding/json.

// appendHello appends h in JSON.
func appendHello(b []byte, h hello) ([]byte, error) {
	b = append(b, `{"version":`...)
	b = strconv.AppendInt(b, int64(h.Version), 10)
	var err error
	text := func(member, value string) {
		if value != "" && err == nil {
			b, err = appendText(append(b, member...), value)
		}
	}
	number := func(member string, value int64) {
		if value != 0 {
			b = strconv.AppendInt(append(b, member...), value, 10)
		}
	}
	text(`,"name":`, h.Name)
	if h.Incarnation != 0 {
		b = strconv.AppendUint(append(b, `,"incarnation":`...), h.Incarnation, 10)
	}
	if len(h.Formats) > 0 {
		before := `,"formats":[`
		for _, f := range h.Formats {
			if err == nil {
				b, err = appendText(append(b, before...), f)
			}
			before = ","
		}
		b = append(b, ']')
	}
	text(`,"format":`, h.Format)
	number(`,"slots":`, int64(h.Slots))
	number(`,"limit":`, h.Limit)
	return append(b, '}'), err
}

// appendText appends s as a string of JSON.
func appendText(b []byte, s string) ([]byte, error) {
	for i := range len(s) {
		if !plain(s[i]) {
			quoted, err := json.Marshal(s)
			return append(b, quoted...), err
		}
	}
	return append(append(append(b, '"'), s...), '"'), nil
}

// plain reports whether c stands for itself in a string.
func plain(c byte) bool { return c >= ' ' && c < 0x7F && c != '"' && c != '\\' }

// parseHello reads h from JSON.
func parseHello(body []byte) (h hello, err error) {
	p := scanner{rest: body}
	if p.hello(&h); !p.strange {
		return h, nil
	}
	h = hello{}
	err = json.Unmarshal(body, &h)
	return h, err
}

// scanner reads a plain object of JSON; strange is set when it is not plain.
type scanner struct {
	rest    []byte
	strange bool
}

func (p *scanner) hello(h *hello) {
	p.want('{')
	for first := true; !p.strange; first = false {
		if p.take('}') {
			break
		}
		if !first {
			p.want(',')
		}
		member := p.text()
		p.want(':')
		switch member {
		case "version":
			h.Version = int(p.number())
		case "name":
			h.Name = p.text()
		case "incarnation":
			h.Incarnation = uint64(p.number())
		case "formats":
			h.Formats = p.texts()
		case "format":
			h.Format = p.text()
		case "slots":
			h.Slots = int(p.number())
		case "limit":
			h.Limit = p.number()
		default:
			p.strange = true
		}
	}
	p.strange = p.strange || len(p.rest) > 0
}

func (p *scanner) take(c byte) bool {
	if len(p.rest) == 0 || p.rest[0] != c {
		return false
	}
	p.rest = p.rest[1:]
	return true
}

func (p *scanner) want(c byte) { p.strange = !p.take(c) || p.strange }

func (p *scanner) text() string {
	p.want('"')
	for i, c := range p.rest {
		if c == '"' {
			s := string(p.rest[:i])
			p.rest = p.rest[i+1:]
			return s
		}
		if !plain(c) {
			break
		}
	}
	p.strange = true
	return ""
}

func (p *scanner) texts() (all []string) {
	p.want('[')
	for !p.strange {
		all = append(all, p.text())
		if p.take(']') {
			break
		}
		p.want(',')
	}
	return all
}

// number reads digits, fewer than could overflow and none too many.
func (p *scanner) number() (n int64) {
	i := 0
	for ; i < len(p.rest) && p.rest[i] >= '0' && p.rest[i] <= '9'; i++ {
		n = 10*n + int64(p.rest[i]-'0')
		if i == 18 {
			break
		}
	}
	if i == 0 || i > 17 || p.rest[0] == '0' && i > 1 {
		p.strange = true
	}
	p.rest = p.rest[i:]
	return n
}

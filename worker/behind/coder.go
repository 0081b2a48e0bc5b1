package behind

import (
	"encoding"
	"encoding/json"
	"fmt"
	"reflect"
)

// coder is JSON, of types that come back as they were.
type coder struct{}

func (coder) Encode(v any) ([]byte, error) { return json.Marshal(v) }

func (coder) Decode(body []byte, into any) error { return json.Unmarshal(body, into) }

func (coder) Check(t reflect.Type) error { return check(t, map[reflect.Type]bool{}) }

var (
	marshaler       = reflect.TypeFor[json.Marshaler]()
	unmarshaler     = reflect.TypeFor[json.Unmarshaler]()
	textMarshaler   = reflect.TypeFor[encoding.TextMarshaler]()
	textUnmarshaler = reflect.TypeFor[encoding.TextUnmarshaler]()
)

// check says what in t would not come back from JSON as it was.
func check(t reflect.Type, seen map[reflect.Type]bool) error {
	if seen[t] {
		return nil
	}
	seen[t] = true
	switch own, err := marshals(t); {
	case err != nil:
		return err
	case own:
		return nil
	}
	switch t.Kind() {
	case reflect.Chan, reflect.Func, reflect.UnsafePointer, reflect.Complex64, reflect.Complex128:
		return fmt.Errorf("JSON has no %v", t)
	case reflect.Interface:
		return fmt.Errorf("JSON cannot tell which type was in the interface %v", t)
	case reflect.Pointer, reflect.Slice, reflect.Array:
		return check(t.Elem(), seen)
	case reflect.Map:
		if err := checkKey(t.Key()); err != nil {
			return err
		}
		return check(t.Elem(), seen)
	case reflect.Struct:
		return checkFields(t, seen)
	}
	return nil
}

// marshals reports whether t makes its own JSON and takes it back.
func marshals(t reflect.Type) (own bool, err error) {
	p := t
	if t.Kind() != reflect.Pointer {
		p = reflect.PointerTo(t)
	}
	for _, way := range [][2]reflect.Type{{marshaler, unmarshaler}, {textMarshaler, textUnmarshaler}} {
		out, in := t.Implements(way[0]), p.Implements(way[1])
		switch {
		case out && in && t.Kind() != reflect.Interface:
			return true, nil
		case out != in && t.Kind() != reflect.Interface && t.Kind() != reflect.Pointer:
			return false, fmt.Errorf("%v has only one of %v and %v, or the first for pointers only", t, way[0], way[1])
		}
	}
	return false, nil
}

func checkKey(t reflect.Type) error {
	switch t.Kind() {
	case reflect.String, reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Uintptr:
		return nil
	}
	if t.Implements(textMarshaler) && reflect.PointerTo(t).Implements(textUnmarshaler) {
		return nil
	}
	return fmt.Errorf("JSON has no maps with keys of type %v", t)
}

func checkFields(t reflect.Type, seen map[reflect.Type]bool) error {
	for f := range t.Fields() {
		switch {
		case f.Name == "_" || f.Type.Size() == 0 && !f.IsExported():
			continue
		case f.Anonymous && f.Type.Kind() == reflect.Struct: // its fields count as of t
		case !f.IsExported():
			return fmt.Errorf("the field %s of %v would be lost: it is not exported", f.Name, t)
		case f.Tag.Get("json") == "-":
			return fmt.Errorf(`the field %s of %v would be lost: its tag is json:"-"`, f.Name, t)
		}
		if err := check(f.Type, seen); err != nil {
			return fmt.Errorf("the field %s of %v: %w", f.Name, t, err)
		}
	}
	return nil
}

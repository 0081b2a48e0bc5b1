package layering

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// Only life restarts: when a life is followed by another, and after which delay, is
// decided by life.Policy.Next, and the states of a life are the five words of the
// root. These tests keep a second restart loop, back-off or enumeration of states
// out of what lives by that.

// supervised are the packages, with those below them, that have lives and may not
// restart them on their own account.
var supervised = []string{"worker", "pool"}

// permit says how often a function may do a thing that a restart loop is made of,
// and what for.
type permit struct {
	n   int
	why string
}

// permits are the functions of the supervised packages that do such a thing: ask a
// policy, begin a life, wait for a time, draw a number, or grow one. A row that is
// added here is a claim for review that it is no second restart policy.
var permits = map[string]permit{
	"worker/group.go decide asks a policy":      {1, "for workers that live and die together"},
	"worker/life.go decideLocked asks a policy": {1, "for a worker on its own"},
	"worker/table.go add begins a life":         {1, "the first"},
	"worker/table.go launch begins a life":      {1, "what a worker does when it has begun one: Launch"},
	"worker/bury.go waitLocked begins a life":   {1, "after the delay that the policy decided"},
	"worker/group.go raise begins a life":       {1, "in the order of launch, after that delay"},
	"worker/far.go open begins a life":          {1, "its process, when the worker has begun it"},
	"worker/bury.go waitLocked waits":           {1, "the delay that the policy decided"},
	"worker/group.go sleep waits":               {1, "the delay that the policy decided"},
	"worker/clock.go afterLocked waits":         {1, "the grace"},
	"worker/clock.go setLocked waits":           {1, "the time that a launch may take, the limit of a request, idleness"},
	"worker/table.go newTable draws a number":   {1, "handed to the policy"},
	"worker/show.go look waits":                 {1, "for the code of a request that shows itself"},
	"pool/seat.go Open begins a life":           {1, "asked by the keeper of its seat"},
	"pool/clock.go armLocked waits":             {1, "the clocks of tasks"},
	"pool/seat.go rest waits":                   {1, "idleness"},
	"pool/seat.go expire waits":                 {1, "the patience with a start and with a farewell"},
	"pool/seat.go Open draws a number":          {1, "how many tasks a life performs differs from one to the next"},
	"pool/tree.go push draws a number":          {1, "the shape of a tree"},
}

// doings finds what restart loops are made of: "function what" for each place.
func doings(f *ast.File) []string {
	local := importedAs(f)
	var found []string
	for _, d := range f.Decls {
		name := ""
		if fn, ok := d.(*ast.FuncDecl); ok {
			name = fn.Name.Name
		}
		ast.Inspect(d, func(n ast.Node) bool {
			if what := doing(n, local); what != "" {
				found = append(found, strings.TrimSpace(name+" "+what))
			}
			return true
		})
	}
	return found
}

// doing says what a node does of what restart loops are made of, "" if nothing.
func doing(n ast.Node, local map[string]string) string {
	switch n := n.(type) {
	case *ast.CallExpr:
		s, ok := n.Fun.(*ast.SelectorExpr)
		switch {
		case !ok:
		case s.Sel.Name == "Next" && len(n.Args) == 3:
			return "asks a policy"
		case s.Sel.Name == "begin", s.Sel.Name == "Open" && len(n.Args) == 2:
			return "begins a life"
		}
	case *ast.SelectorExpr:
		x, ok := n.X.(*ast.Ident)
		if !ok {
			return ""
		}
		switch imported := local[x.Name]; imported {
		case "time":
			if slices.Contains([]string{"After", "AfterFunc", "NewTimer", "NewTicker", "Tick", "Sleep"}, n.Sel.Name) {
				return "waits"
			}
		case "context":
			if strings.HasPrefix(n.Sel.Name, "WithTimeout") || strings.HasPrefix(n.Sel.Name, "WithDeadline") {
				return "waits"
			}
		case "math/rand", "math/rand/v2", "crypto/rand":
			return "draws a number"
		case "math":
			if strings.HasPrefix(n.Sel.Name, "Pow") || strings.HasPrefix(n.Sel.Name, "Exp") || n.Sel.Name == "Ldexp" {
				return "grows a number"
			}
		}
	case *ast.AssignStmt:
		if n.Tok == token.MUL_ASSIGN || n.Tok == token.SHL_ASSIGN {
			return "grows a number"
		}
	case *ast.BinaryExpr:
		if n.Op == token.SHL {
			return "grows a number"
		}
	}
	return ""
}

// importedAs returns the import path of each name in f.
func importedAs(f *ast.File) map[string]string {
	local := map[string]string{}
	for _, i := range f.Imports {
		p, err := strconv.Unquote(i.Path.Value)
		if err != nil {
			continue // parsed before
		}
		name := p[strings.LastIndex(p, "/")+1:]
		if strings.HasPrefix(name, "v") && len(name) == 2 {
			name = strings.Split(p, "/")[strings.Count(p, "/")-1] // math/rand/v2
		}
		if i.Name != nil {
			name = i.Name.Name
		}
		local[name] = p
	}
	return local
}

func TestOnlyLifeRestarts(t *testing.T) {
	found := map[string]int{}
	for _, f := range parsed(t) {
		if f.test {
			continue
		}
		for _, d := range doings(f.syntax) {
			switch {
			case below(f.dir, supervised...):
				found[f.path+" "+d]++
			case strings.HasSuffix(d, "asks a policy") && slices.Contains(f.imports, module+"/life") && !below(f.dir, "examples", "bench"):
				t.Errorf("%s: %s; only %q live by a policy", f.path, d, supervised)
			}
		}
	}
	for _, key := range slices.Sorted(maps.Keys(found)) {
		if p, ok := permits[key]; !ok {
			t.Errorf("%s: only life restarts; if this is no second restart policy, permit it and say what it is for", key)
		} else if found[key] != p.n {
			t.Errorf("%s %d times; it is permitted %d, for %s", key, found[key], p.n, p.why)
		}
	}
	for key := range permits {
		if found[key] == 0 {
			t.Errorf("the table permits what is not there: %s", key)
		}
	}
}

// restarting matches names that only a restart policy has.
var restarting = regexp.MustCompile(`(?i)backoff|back_off|restartdelay|retrydelay|max_?restarts|restartcount|respawn|crashloop|intensity`)

// shown are the names that match and only show what the policy decided.
var shown = []string{"worker/core.go backOff"}

// declared returns the names that a file declares, but for parameters.
func declared(f *ast.File) []string {
	var names []string
	ast.Inspect(f, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncDecl:
			names = append(names, n.Name.Name)
		case *ast.TypeSpec:
			names = append(names, n.Name.Name)
		case *ast.ValueSpec:
			for _, i := range n.Names {
				names = append(names, i.Name)
			}
		case *ast.StructType:
			for _, field := range n.Fields.List {
				for _, i := range field.Names {
					names = append(names, i.Name)
				}
			}
		case *ast.AssignStmt:
			for _, x := range n.Lhs {
				if i, ok := x.(*ast.Ident); ok && n.Tok == token.DEFINE {
					names = append(names, i.Name)
				}
			}
		}
		return true
	})
	return names
}

func TestNoSecondBackOff(t *testing.T) {
	for _, f := range parsed(t) {
		if f.test || !below(f.dir, supervised...) {
			continue
		}
		for _, name := range declared(f.syntax) {
			if key := f.path + " " + name; restarting.MatchString(name) && !slices.Contains(shown, key) {
				t.Errorf("%s: delays and limits of restarts are life.Policy's", key)
			}
		}
	}
}

// stateWords are the states of a life and the words that others have for them.
var stateWords = map[string]string{
	"starting": "starting", "launching": "starting", "booting": "starting", "spawning": "starting", "initializing": "starting",
	"idle": "idle", "ready": "idle", "waiting": "idle",
	"busy": "busy", "running": "busy", "working": "busy", "active": "busy",
	"stopping": "stopping", "closing": "stopping", "draining": "stopping", "terminating": "stopping",
	"dead": "dead", "closed": "dead", "exited": "dead", "stopped": "dead", "terminated": "dead", "crashed": "dead",
}

// stateOf returns the state that a name such as stateIdle or Idle means, "" if
// none.
func stateOf(name string) string {
	name = strings.ToLower(name)
	for _, affix := range []string{"state", "status", "phase"} {
		name = strings.TrimSuffix(strings.TrimPrefix(name, affix), affix)
	}
	return stateWords[strings.Trim(name, "_")]
}

// enumerations finds groups of constants, and of boolean fields of one struct, that
// name three states of a life or more.
func enumerations(f *ast.File) []string {
	var found []string
	judge := func(what string, names []string) {
		states := map[string]bool{}
		for _, n := range names {
			if s := stateOf(n); s != "" {
				states[s] = true
			}
		}
		if len(states) >= 3 {
			found = append(found, fmt.Sprintf("%s %q", what, names))
		}
	}
	ast.Inspect(f, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.GenDecl:
			if n.Tok != token.CONST {
				return true
			}
			var names []string
			for _, s := range n.Specs {
				v := s.(*ast.ValueSpec)
				for _, i := range v.Names {
					names = append(names, i.Name)
				}
				for _, x := range v.Values { // constants that are words
					if l, ok := x.(*ast.BasicLit); ok && l.Kind == token.STRING {
						names = append(names, strings.Trim(l.Value, "\"`"))
					}
				}
			}
			judge("constants", names)
		case *ast.StructType:
			var names []string
			for _, field := range n.Fields.List {
				if i, ok := field.Type.(*ast.Ident); ok && i.Name == "bool" {
					for _, name := range field.Names {
						names = append(names, name.Name)
					}
				}
			}
			judge("boolean fields", names)
		}
		return true
	})
	return found
}

func TestStatesAreEnumeratedOnce(t *testing.T) {
	for _, f := range parsed(t) {
		if f.test || !below(f.dir, supervised...) {
			continue
		}
		for _, e := range enumerations(f.syntax) {
			t.Errorf("%s: the %s are the states of a life once more; use ganger.State and a detail", f.path, e)
		}
	}
}

// TestRestartLoopsAreFound: what the tests above look for is found where it is.
func TestRestartLoopsAreFound(t *testing.T) {
	for source, want := range map[string]string{
		`func loop() { for { run(); time.Sleep(d) } }`:                               "loop waits",
		`func loop() { select { case <-time.After(d): } }`:                           "loop waits",
		`func (l *l) arm() { l.t = time.AfterFunc(d, l.run) }`:                       "arm waits",
		`func f() { ctx, _ := context.WithTimeoutCause(ctx, d, e) }`:                 "f waits",
		`func f() { p, v := c.policy.Next(p, e, 0.5) }`:                              "f asks a policy",
		`func f() { go c.begin()() }`:                                                "f begins a life",
		`func f() { l, err := w.Open(ctx, st) }`:                                     "f begins a life",
		`func f() { d *= 2 }`:                                                        "f grows a number",
		`func f() { d = least << n }`:                                                "f grows a number",
		`func f() { d = math.Pow(2, n) }`:                                            "f grows a number",
		`func f() { d = rand.N(d) }`:                                                 "f draws a number",
		`var jitter = rand.Float64`:                                                  "draws a number",
		`type p struct { BackoffBase int }`:                                          "named BackoffBase",
		`func f() { maxRestarts := 3 }`:                                              "named maxRestarts",
		`const ( launching = iota; running; closing )`:                               `constants ["launching" "running" "closing"]`,
		`const ( StateIdle s = "idle"; StateBusy s = "busy"; StateDead s = "dead" )`: `constants ["StateIdle" "idle" "StateBusy" "busy" "StateDead" "dead"]`,
		`type w struct { starting, busy, dead bool }`:                                `boolean fields ["starting" "busy" "dead"]`,
		`func f() { x.next(a, b, c); t := time.Now(); n := 3 * rows }`:               "",
		`const ( pending = iota; inHand; closed )`:                                   "",
	} {
		f, err := parser.ParseFile(token.NewFileSet(), "x.go", `package x
			import ("context"; "math"; "math/rand/v2"; "time")
			`+source, 0)
		if err != nil {
			t.Fatal(err)
		}
		got := append(doings(f), enumerations(f)...)
		for _, name := range declared(f) {
			if restarting.MatchString(name) {
				got = append(got, "named "+name)
			}
		}
		if s := strings.Join(got, ", "); s != want {
			t.Errorf("in %s found %q, want %q", source, s, want)
		}
	}
}

package call

import (
	"embed"
	"io/fs"
	"strings"
)

// textName is the variable that carries the text of the worker's side to the
// interpreter, which takes it out of its environment at once. As an argument it
// would fill every message and every list of processes, and a file could be left
// behind.
const textName = "GANGER_CALL"

// language is how a function of one language is made a worker.
type language struct {
	interpreter string
	flag, boot  string // make the interpreter run the text
	text        string
	advice      string // for those who do not have the interpreter
}

//go:embed python/*.py node/*.cjs
var texts embed.FS

var (
	python = language{
		interpreter: "python3",
		flag:        "-c", boot: `import os;exec(compile(os.environ.pop("GANGER_CALL"),"<ganger>","exec"),{})`,
		text:   text("python"),
		advice: "install Python 3.9 or newer (on Debian the package python3)",
	}
	node = language{
		interpreter: "node",
		flag:        "-e", boot: "eval(process.env.GANGER_CALL)",
		text:   text("node"),
		advice: "install Node 18 or newer (on Debian the package nodejs)",
	}
	languages = map[string]language{".py": python, ".js": node, ".cjs": node, ".mjs": node}
)

// text joins the files of one language in the order of their names.
func text(dir string) string {
	var b strings.Builder
	all, err := fs.Glob(texts, dir+"/*")
	for _, name := range all {
		var t []byte
		if t, err = texts.ReadFile(name); err != nil {
			break
		}
		b.Write(t)
	}
	if err != nil {
		panic("call: " + err.Error()) // they are part of this program
	}
	return b.String()
}

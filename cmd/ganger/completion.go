package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/ganger-dev/ganger/cmd/ganger/internal/status"
)

// shells are those that completion is written for, each with the generator of
// its script.
var shells = []struct {
	name  string
	write func(root *cobra.Command, out *bytes.Buffer) error
}{
	{"bash", func(root *cobra.Command, out *bytes.Buffer) error {
		var script bytes.Buffer
		err := root.GenBashCompletionV2(&script, true)
		out.Write(bytes.ReplaceAll(script.Bytes(), []byte("_filedir -d"), []byte("__ganger_directories")))
		out.WriteString(bashWords)
		return err
	}},
	{"zsh", func(root *cobra.Command, out *bytes.Buffer) error { return root.GenZshCompletion(out) }},
	{"fish", func(root *cobra.Command, out *bytes.Buffer) error { return root.GenFishCompletion(out, true) }},
}

// bashWords replaces functions of the script for bash, which wants the package
// bash-completion to be installed and loaded: without it bash has a word end at
// each equals sign and colon, and they are joined here; and nothing lists directories.
const bashWords = `
__ganger_init_completion()
{
    COMPREPLY=()
    if declare -F _get_comp_words_by_ref >/dev/null; then
        _get_comp_words_by_ref "$@" cur prev words cword
        return
    fi
    local i
    words=() cword=0
    for ((i = 0; i <= COMP_CWORD; i++)); do
        if ((i > 1)) && [[ ${COMP_WORDS[i]} == [=:]* || ${COMP_WORDS[i-1]} == [=:] ]]; then
            words[cword]+=${COMP_WORDS[i]}
        else
            ((i > 0)) && ((++cword))
            words[cword]=${COMP_WORDS[i]}
        fi
    done
    cur=${words[cword]} prev=
    ((cword > 0)) && prev=${words[cword-1]}
    return 0
}

__ganger_directories()
{
    if declare -F _filedir >/dev/null; then
        _filedir -d
        return
    fi
    local IFS=$'\n'
    COMPREPLY=($(compgen -d -- "$cur"))
    compopt -o filenames 2>/dev/null
}
`

// newCompletion returns ganger completion.
func newCompletion(s streams) *cobra.Command {
	var names []string
	for _, sh := range shells {
		names = append(names, sh.name)
	}
	return &cobra.Command{
		Use:   "completion " + strings.Join(names, "|"),
		Short: "Write a script that completes command lines",
		Long: `Write the script with which a shell completes the command lines of ganger:
commands, flags, the values that a flag allows, and files where they are wanted.`,
		Example: `  source <(ganger completion bash)     # in ~/.bashrc
  source <(ganger completion zsh)      # in ~/.zshrc, behind compinit
  ganger completion fish >~/.config/fish/completions/ganger.fish`,
		DisableFlagsInUseLine: true,
		ValidArgsFunction:     cobra.FixedCompletions(names, cobra.ShellCompDirectiveNoFileComp),
		RunE: func(c *cobra.Command, args []string) error {
			wrong := &usageError{hint: "allowed: " + strings.Join(names, ", "), help: c.CommandPath()}
			if len(args) != 1 {
				wrong.text = fmt.Sprintf("one shell is wanted, not %d", len(args))
				return wrong
			}
			i := slices.Index(names, args[0])
			if i < 0 {
				wrong.text = fmt.Sprintf("no completion for %q", args[0])
				return wrong
			}
			var script bytes.Buffer
			if err := shells[i].write(c.Root(), &script); err != nil {
				return fmt.Errorf("completion for %s: %w", args[0], err)
			}
			_, err := s.out.Write(script.Bytes())
			return written(err)
		},
	}
}

// completeFlags has the values of the flags of c completed: from the list of what
// is allowed, or by what the help has their value stand for.
func completeFlags(c *cobra.Command) {
	c.Flags().VisitAll(func(f *pflag.Flag) {
		complete := cobra.NoFileCompletions
		if v, ok := f.Value.(interface{ values() []string }); ok {
			complete = cobra.FixedCompletions(v.values(), cobra.ShellCompDirectiveNoFileComp)
		} else {
			switch wordsOf(f).value {
			case "FILE", "FILE:FUNCTION", "PATTERN":
				complete = files
			case "DIR":
				complete = directories
			}
		}
		if err := c.RegisterFlagCompletionFunc(f.Name, complete); err != nil {
			panic("ganger: " + err.Error()) // twice for one flag
		}
	})
}

func (c *choice) values() []string { return c.allowed }

func (l *logFormat) values() []string { return status.Formats() }

func (r *resumption) values() []string { return []string{string(forced)} }

func files(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	return nil, cobra.ShellCompDirectiveDefault
}

func directories(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	return nil, cobra.ShellCompDirectiveFilterDirs
}

// programs completes the command of a run: by the names on the PATH, or as a file
// where it has a slash. What follows it is completed as files.
func programs(_ *cobra.Command, args []string, word string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 || word == "" || strings.Contains(word, "/") {
		return nil, cobra.ShellCompDirectiveDefault
	}
	var names []string
	for _, dir := range filepath.SplitList(os.Getenv("PATH")) {
		entries, _ := os.ReadDir(dir) // what cannot be read has nothing to offer
		for _, e := range entries {
			if strings.HasPrefix(e.Name(), word) && executable(filepath.Join(dir, e.Name())) == nil {
				names = append(names, e.Name())
			}
		}
	}
	slices.Sort(names)
	return slices.Compact(names), cobra.ShellCompDirectiveDefault
}

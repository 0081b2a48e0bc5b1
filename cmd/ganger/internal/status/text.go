package status

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/ganger-dev/ganger"
)

// Progress is what a status line says beside the counts.
type Progress struct {
	Rate     float64 // tasks that end in a second; 0 while not known
	Fraction float64 // of the whole input, if it is known otherwise than by Total; else 0
	Workers  string  // what they are doing; "" where that is not shown
	Stalled  string  // label of the task that the input waits for; "" if it does not
	For      time.Duration
}

// Line is the status line, of at most width characters; zero means any width.
func (c Counts) Line(now time.Time, p Progress, width int) string {
	ended := c.All()
	var line strings.Builder
	line.WriteString(Number(ended))
	if c.Total > 0 {
		line.WriteString("/" + Number(c.Total))
		p.Fraction = float64(ended) / float64(c.Total)
	}
	if p.Fraction > 0 {
		fmt.Fprintf(&line, " %d%%", int(100*p.Fraction))
	}
	if p.Rate > 0 {
		line.WriteString("  " + rate(p.Rate) + "/s")
		if left := (float64(ended)/max(p.Fraction, 1e-9) - float64(ended)) / p.Rate; p.Fraction > 0 && ended > 0 && left < 1e7 {
			line.WriteString("  " + Duration(time.Duration(left*float64(time.Second))) + " left")
		}
	}
	if c.WithoutSuccess() > 0 {
		line.WriteString(" |")
		for _, o := range ganger.Outcomes()[1:] {
			if n := c.Ended[o]; n > 0 {
				line.WriteString(" " + o.String() + " " + Number(n))
			}
		}
	}
	if p.Workers != "" {
		line.WriteString(" | " + p.Workers)
	}
	switch {
	case p.Stalled != "":
		line.WriteString(" | waiting for " + Label(p.Stalled, 40))
		if c.Oldest == p.Stalled {
			line.WriteString(" " + Duration(now.Sub(c.Since)))
		}
	case c.Oldest != "" && now.Sub(c.Since) >= time.Second:
		line.WriteString(" | oldest " + Label(c.Oldest, 40) + " " + Duration(now.Sub(c.Since)))
		if c.Report != "" {
			line.WriteString(": " + c.Report)
		}
	}
	return clip(line.String(), width)
}

// Summary is the last line of a run that took as long as given.
func (c Counts) Summary(took time.Duration) string {
	var line strings.Builder
	line.WriteString("done " + Number(c.Ended[ganger.Done]))
	for _, o := range ganger.Outcomes()[1:] {
		if o == ganger.Lost || c.Ended[o] == 0 {
			continue
		}
		line.WriteString("  " + o.String() + " " + Number(c.Ended[o]) + c.reasons(o))
	}
	if c.NotStarted > 0 {
		line.WriteString("  not started " + Number(c.NotStarted))
	}
	line.WriteString("  lost " + Number(c.Lost()) + "  in " + Duration(took))
	line.WriteString(c.leavings())
	return line.String()
}

// leavings tells why workers ended, if any did otherwise than at the end of the run.
func (c Counts) leavings() string {
	var counts []reasonCount
	all := 0
	for why, n := range c.Left {
		counts = append(counts, reasonCount{string(why), n})
		all += n
	}
	if all == c.Left[ganger.LeavingStopped] {
		return ""
	}
	return " | workers " + Number(all) + ": left " + list(counts)
}

// reasonCount is how often something was the reason.
type reasonCount struct {
	why string
	n   int
}

// reasons lists why tasks ended with o, the most frequent first.
func (c Counts) reasons(o ganger.Outcome) string {
	var counts []reasonCount
	for r, n := range c.Reasons {
		if r.Outcome == o {
			counts = append(counts, reasonCount{r.Why, n})
		}
	}
	if len(counts) == 0 {
		return ""
	}
	return " (" + list(counts) + ")"
}

// list is reasons with their counts, the most frequent first.
func list(counts []reasonCount) string {
	slices.SortFunc(counts, func(a, b reasonCount) int {
		return cmp.Or(cmp.Compare(b.n, a.n), strings.Compare(a.why, b.why))
	})
	var words []string
	for _, r := range counts {
		sep := " "
		if unicode.IsDigit(rune(r.why[len(r.why)-1])) {
			sep = ": "
		}
		words = append(words, r.why+sep+Number(r.n))
	}
	return strings.Join(words, ", ")
}

// Count writes a number of things, such as "1 task" and "2,000 tasks".
func Count(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return Number(n) + " " + thing + "s"
}

// Number writes n with commas between the thousands.
func Number(n int) string {
	s := strconv.Itoa(n)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// rate writes a rate with as many digits as it is worth.
func rate(r float64) string {
	if r < 10 {
		return strconv.FormatFloat(r, 'f', 1, 64)
	}
	return Number(int(r))
}

// Duration writes d as people say it: 0.3s, 41s, 3m18s, 2h05m.
func Duration(d time.Duration) string {
	switch s := int(d.Seconds()); {
	case d < 10*time.Second:
		return strconv.FormatFloat(d.Seconds(), 'f', 1, 64) + "s"
	case s < 60:
		return strconv.Itoa(s) + "s"
	case s < 3600:
		return fmt.Sprintf("%dm%02ds", s/60, s%60)
	default:
		return fmt.Sprintf("%dh%02dm", s/3600, s/60%60)
	}
}

// Label is text that people can read on one line, of at most width characters:
// quoted if it holds anything that a terminal would obey, or is empty. Of a text
// that is too long the end is kept, which in a path says most.
func Label(text string, width int) string {
	if text == "" || !utf8.ValidString(text) || strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) }) {
		text = strconv.Quote(text)
	}
	if n := utf8.RuneCountInString(text); width > 0 && n > width {
		runes := []rune(text)
		return "..." + string(runes[n-max(width-3, 0):])
	}
	return text
}

// clip cuts a line to width characters.
func clip(line string, width int) string {
	if width <= 0 || utf8.RuneCountInString(line) <= width {
		return line
	}
	return string([]rune(line)[:width])
}

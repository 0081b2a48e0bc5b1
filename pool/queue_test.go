package pool

import (
	"slices"
	"testing"

	"pgregory.net/rapid"
)

type item struct {
	links[*item]
	key, id int
}

func (i *item) list() *links[*item] { return &i.links }

func itemBefore(a, b *item) bool { return a.key < b.key || a.key == b.key && a.id < b.id }

// TestQueuesAreSortedSlices: list and tree do what a sorted slice does, whatever
// the order of pushes, pops and removals.
func TestQueuesAreSortedSlices(t *testing.T) {
	for name, make := range map[string]func() queue[*item]{
		"list": func() queue[*item] { return &list[*item]{before: itemBefore} },
		"tree": func() queue[*item] { return &tree[*item]{before: itemBefore} },
	} {
		t.Run(name, func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				q := make()
				var model []*item
				for id := range rapid.IntRange(1, 60).Draw(t, "steps") {
					switch rapid.IntRange(0, 4).Draw(t, "step") {
					case 0, 1, 2:
						e := &item{key: rapid.IntRange(0, 9).Draw(t, "key"), id: id}
						q.push(e)
						model = append(model, e)
						slices.SortFunc(model, func(a, b *item) int {
							if itemBefore(a, b) {
								return -1
							}
							return 1
						})
					case 3:
						least := rapid.IntRange(0, 9).Draw(t, "least")
						match := func(e *item) bool { return e.key >= least }
						i := slices.IndexFunc(model, match)
						e, ok := q.pop(match)
						if ok != (i >= 0) || ok && e != model[i] {
							t.Fatalf("pop from %d is %v, %v", least, e, ok)
						}
						if ok {
							model = slices.Delete(model, i, i+1)
						}
					case 4:
						if len(model) > 0 {
							i := rapid.IntRange(0, len(model)-1).Draw(t, "remove")
							q.remove(model[i])
							model = slices.Delete(model, i, i+1)
						}
					}
					if got := slices.Collect(q.each); q.len() != len(model) || !slices.Equal(got, model) {
						t.Fatalf("it holds %d entries, %v, want %v", q.len(), got, model)
					}
				}
			})
		})
	}
}

// Command increment is a worker of the native protocol: its task is a number in
// words, and its answer is the next. So little work shows what a pool costs.
package main

import (
	"context"
	"fmt"
	"strconv"

	"github.com/ganger-dev/ganger/wall"
	"github.com/ganger-dev/ganger/wall/native"
)

func main() {
	native.Main(1, func(_ context.Context, task any, _ wall.Host) (any, error) {
		text, ok := task.(string)
		if !ok {
			return nil, fmt.Errorf("%v is no text", task)
		}
		n, err := strconv.Atoi(text)
		return n + 1, err
	})
}

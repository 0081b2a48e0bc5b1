package compile

import (
	"context"

	"github.com/ganger-dev/ganger/worker"
)

func protocolsDoNotMix() {
	_, _ = worker.Call(ctx, referee, Judge{})
	queue.Push(Judge{})              // want "Judge does not implement worker.Post\[Player\] \(wrong type for method post\)"
	queue.Push(Bare{})               // want "Bare does not implement worker.Post\[Player\] \(missing method post\)"
	queue.Push(3)                    // want "int does not implement worker.Post\[Player\] \(missing method post\)"
	self.Push(Judge{})               // want "Judge does not implement worker.Post\[Player\] \(wrong type for method post\)"
	worker.Call(ctx, queue, Judge{}) // want "Q \(type Judge\) does not satisfy worker.Request\[W, R\] \(wrong type for method post\)"
}

func theResponseIsThatOfTheRequest() {
	var m Move
	m, _ = worker.Call(ctx, queue, Open{})
	_ = m
	var won bool
	won, _ = worker.Call(ctx, queue, Open{}) // want "cannot use worker.Call.* \(value of struct type Move\) as bool value in assignment"
	_ = won
	m, _ = worker.CallLatest(ctx, latest, Open{})
	n, _ := worker.Call(ctx, referee, Judge{})
	_ = n + 1 // want "mismatched types bool and untyped int"
}

func handlersFollowTheRequest() {
	worker.Handle(def, func(context.Context, *board, Open) (Move, error) { return Move{}, nil })
	worker.Handle(def, func(context.Context, *board, Open) (bool, error) { return false, nil })  // want "Q \(type Open\) does not satisfy worker.Request\[W, R\] \(wrong type for method request\)"
	worker.Handle(def, func(context.Context, *board, Judge) (bool, error) { return false, nil }) // want "Q \(type Judge\) does not satisfy worker.Request\[W, R\] \(wrong type for method post\)"
	worker.Handle(def, func(context.Context, *board, Bare) (bool, error) { return false, nil })  // want "Q \(type Bare\) does not satisfy worker.Request\[W, R\] \(missing method post\)"
	worker.Handle(def, func(context.Context, *Move, Open) (Move, error) { return Move{}, nil })  // want "does not match inferred type func\(context.Context, \*board, Q\)"
	worker.Handle(def, func(context.Context, *board, Open) Move { return Move{} })               // want "does not match inferred type .* \(R, error\)"
}

func tablesFollowTheDefinition() {
	_, _ = list.Launch(ctx, "a", 1)
	list.Launch(ctx, 1, 1)     // want "cannot use 1 .* as string value in argument to list.Launch"
	list.Launch(ctx, "a", "b") // want "cannot use .b. .* as int value in argument to list.Launch"
	list = worker.NewQueue(def, worker.Config{})
	list = worker.NewBounded(def, 1, worker.Config{}) // want "cannot use worker.NewBounded"
	worker.NewLatest(def, func(pending, incoming worker.Post[Player]) worker.Post[Player] {
		return Judge{} // want "Judge does not implement worker.Post\[Player\] \(wrong type for method post\)"
	}, worker.Config{})
	worker.NewSource(def, func(context.Context, *board) (worker.Post[Player], error) {
		return Judge{}, nil // want "Judge does not implement worker.Post\[Player\] \(wrong type for method post\)"
	}, worker.Config{})
}

// Forged is a request by methods of its own, which are not those of package
// worker.
type Forged struct{}

func (Forged) request(Player) Move { return Move{} }
func (Forged) post(Player)         {}

func requestsAreSealed() {
	queue.Push(Forged{}) // want "Forged does not implement worker.Post\[Player\] \(unexported method post\)"
}

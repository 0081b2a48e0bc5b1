package native

import "github.com/ganger-dev/ganger/wall"

func newMulti[Q, R any](l link[Q, R], slots int) wall.Session[Q, R] { return newSingle(l) }

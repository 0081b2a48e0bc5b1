module github.com/ganger-dev/ganger/bench

go 1.26.0

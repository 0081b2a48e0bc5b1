module github.com/ganger-dev/ganger/bench

go 1.26.0

require github.com/ganger-dev/ganger v0.0.0

require golang.org/x/sys v0.49.0 // indirect

replace github.com/ganger-dev/ganger => ../

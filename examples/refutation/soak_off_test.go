//go:build !soak && linux

package main

const soak = false

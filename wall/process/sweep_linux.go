package process

type sweeper struct{}

func (h *household) sweepAfter(c *child) {}

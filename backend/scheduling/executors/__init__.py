"""Where runs happen: a lane is one device, with a worker process of its own."""

"""`python -m cxr_trainer`, and so `torchrun --nproc-per-node 2 -m cxr_trainer fit …`."""

from cxr_trainer.cli import main

raise SystemExit(main())

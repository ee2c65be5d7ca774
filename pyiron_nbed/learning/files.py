"""Names of the files of a training in its folder."""

TASK_FILE = "training.json"
CHECKPOINT_FILE = "checkpoint.pt"
CARD_FILE = "model.json"
WEIGHTS_FILE = "model.safetensors"
TEST_FILE = "test.csv"
HISTORY_FILE = "history.csv"
SPLIT_FILE = "split.h5"

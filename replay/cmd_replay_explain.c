#include "replay/replay.h"
int replay_explain(struct replay *r){(void)r;return 0;}

/* wraps_yaml: libyaml. */
#include "wraps.h"

#include <yaml.h>

WRAP(int, yaml_parser_initialize, (yaml_parser_t *parser), (parser), 0)
WRAP(int, yaml_parser_parse, (yaml_parser_t *parser, yaml_event_t *event), (parser, event),
     (memset(event, 0, sizeof(*event)), parser->error = YAML_MEMORY_ERROR, 0))

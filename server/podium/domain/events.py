from dataclasses import dataclass
type Event = object
type Record = object
